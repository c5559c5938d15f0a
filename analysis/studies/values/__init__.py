"""What cells came to, as values, and the estimates over them."""
