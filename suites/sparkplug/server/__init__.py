"""What is asked of the MQTT server of a Sparkplug infrastructure."""
