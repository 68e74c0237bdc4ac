"""What is measured, a module a room: each has `measure(bench, size)`, which yields figures as they come."""
