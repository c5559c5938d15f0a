"""What is known before anything is paid for: plans, costs, other designs, and the document that declares them."""
