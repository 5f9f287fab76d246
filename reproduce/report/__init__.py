"""Show tables: terminal, Markdown, HTML and W&B."""
