"""Run committed results again, and compare what comes out."""
