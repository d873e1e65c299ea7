"""The commands, one file each; `secure_ds.cli.table` lists them."""
