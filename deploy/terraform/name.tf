variable "name" {
  type        = string
  default     = "edgecors"
  description = "Takes the place of the stack's name: the names of log groups, functions, roles and other resources begin with it."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,39}$", var.name))
    error_message = "Use a letter, and up to 39 letters, digits and hyphens after it."
  }
}

variable "package" {
  type        = string
  description = "The directory that make package has written, with the zips and the code of the CloudFront Functions."
  nullable    = false
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of every resource that can have some."
  nullable    = false
}
