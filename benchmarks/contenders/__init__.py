"""What is measured: each module is a process of its own and prints its result as its last line."""
