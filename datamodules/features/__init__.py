"""Clinical, handcrafted, radiomic and frozen-network features."""
