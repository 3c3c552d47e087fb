"""The promise: a patient's claim on a place, from hold to visit."""
