"""The playground: a page on other origins than the local edge, whose requests show what a browser makes of it all."""
