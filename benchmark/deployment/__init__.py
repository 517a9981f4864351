"""What zeros are worth when a network is used: its latency, memory and size next to those of its dense parent."""
