"""What several tests share: servers to test against, and ways to start and end them."""
