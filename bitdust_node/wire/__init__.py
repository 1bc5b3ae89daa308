"""What is said on the wire: packets, commands and their payloads, each declared by its fields."""
