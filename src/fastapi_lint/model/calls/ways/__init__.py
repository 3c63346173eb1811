"""Which places of one function run: branches, conditions over constants, ends, and what runs once. Follows no call."""
