"""What texts and modules code makes up of names as it runs: formatted texts, packages that are gone through."""
