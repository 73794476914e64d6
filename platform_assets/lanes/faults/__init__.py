"""Faults that a recovery lane lets strike: each is real, of real processes, disks, keys and clocks."""
