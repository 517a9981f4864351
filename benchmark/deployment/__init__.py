"""What zeros are worth where a network is used: its latency, memory and size beside those of its dense parent."""
