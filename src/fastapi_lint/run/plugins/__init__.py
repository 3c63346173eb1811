"""Rules that a project or a package brings: only what the configuration names is found, imported and asked.

`places` says where a plugin is and what its content is, and executes nothing; `importing` executes it; `judging` says
what of its rules cannot be used; `bringing` is the way from settings to rules.
"""
