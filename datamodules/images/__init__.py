"""Two-dimensional image sets: folders, archives, CSV lists and public sets."""
