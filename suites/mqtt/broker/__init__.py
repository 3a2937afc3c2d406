"""What a broker is asked, by packet and subject."""
