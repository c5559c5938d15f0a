"""What commands print. Computes nothing."""
