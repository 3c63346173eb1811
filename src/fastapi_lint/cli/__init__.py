"""The face at the command line: options, commands, exit codes, streams. The only package that prints or exits."""
