"""What a run is configured to do: settings, their schema, which rules are selected, suggestions. Runs nothing."""
