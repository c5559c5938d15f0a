"""What a study's page says: factors, levels, points, what is declared beforehand, and the cells that it comes to."""
