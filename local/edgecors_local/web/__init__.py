"""What the local pages share: the style sheet, the icon, and how files of a package are served."""
