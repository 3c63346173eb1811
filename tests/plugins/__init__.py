"""Rules of one's own: plugins, the public surface, the fixture runner, the worked example."""
