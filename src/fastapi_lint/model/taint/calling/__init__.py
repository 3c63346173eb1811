"""What calls make of texts: functions of the project, libraries as the catalogue says, templates. Judges nothing."""
