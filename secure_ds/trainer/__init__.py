"""The process that opens sealed records for one job and trains on them; see docs/adr/0025-sealed-training.md."""
