"""One LightningModule per paper, and the losses, networks and explanations they share."""
