#!/bin/sh
# build.sh PROGRAM
exec cc -std=gnu11 -O1 -Wall -Wextra -o "$1" "$(dirname "$0")/paho-c.c" -lpaho-mqtt3as -lpthread -lm
