"""What is asked of an MQTT client, by packet and subject."""
