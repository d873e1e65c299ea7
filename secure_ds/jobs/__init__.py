"""What a job and a data set may be, and which moves between those states are legal. Pure: no I/O, no clock."""
