# The template's parameters; make generate writes this file.

variable "front" {
  type        = string
  default     = "edge"
  description = "edge: a CloudFront distribution with the function on it. edge-function: the function alone, for a distribution that you have. http-api, rest-api, function-url, alb: the gateway function behind that front. layer-only: just the layer for your own functions (every front publishes it). For several fronts, deploy several stacks, one of them with Guard."
  nullable    = false

  validation {
    condition     = contains(["edge", "edge-function", "http-api", "rest-api", "function-url", "alb", "layer-only"], var.front)
    error_message = "Use one of edge, edge-function, http-api, rest-api, function-url, alb, layer-only."
  }
}

variable "site" {
  type        = string
  default     = ""
  description = "Name of the policy: the gateway uses the parameter /edgecors/sites/SITE. At the edge the policy is named after the distribution's id; with Site, the stack also writes an alias, so that the distribution uses the policy SITE."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]*$", var.site))
    error_message = "Use letters, digits, dot, hyphen and underscore only."
  }

  validation {
    condition     = length(var.site) <= 64
    error_message = "Use at most 64 characters."
  }
}

variable "guard" {
  type        = string
  default     = "auto"
  description = "Whether to deploy the guard, a function that checks every change of an allowlist. auto: with every front but layer-only. Deploy one guard in an account, in the Region where the lists are edited, and set false in other stacks. The Region of a gateway without a guard has to be among the ReplicaRegions of the stack with the guard."
  nullable    = false

  validation {
    condition     = contains(["auto", "true", "false"], var.guard)
    error_message = "Use one of auto, true, false."
  }
}

variable "alarms" {
  type        = bool
  default     = true
  description = "Whether to create CloudWatch alarms."
  nullable    = false
}

variable "alarm_email" {
  type        = string
  default     = ""
  description = "Who gets the alarms and the guard's notices (the address has to confirm). Empty for nobody."
  nullable    = false

  validation {
    condition     = can(regex("^([^@\\s]+@[^@\\s]+)?$", var.alarm_email))
    error_message = "Use an e-mail address, or nothing."
  }
}

variable "edge_setup" {
  type        = string
  default     = "viewer"
  description = "viewer: the function runs on every request; a change of the list needs no invalidation, and the cache is not split by origin. origin: it runs on cache misses only; the cache has a copy for each origin, and the guard invalidates it after a change. functions: two CloudFront Functions run on every request, with the policy in a KeyValueStore."
  nullable    = false

  validation {
    condition     = contains(["viewer", "origin", "functions"], var.edge_setup)
    error_message = "Use one of viewer, origin, functions."
  }
}

variable "error_headers" {
  type        = bool
  default     = true
  description = "With EdgeSetup functions, whether the Lambda function runs on cache misses too. Without it there is no Lambda function, and errors of the origin server (status 400 and above) have no CORS headers."
  nullable    = false
}

variable "publish_functions" {
  type        = string
  default     = "auto"
  description = "With EdgeSetup functions, whether a changed CloudFront Function goes live at once. false: it stays in the DEVELOPMENT stage until you have tested and published it. auto: true with Front=edge, because CloudFront refuses a new distribution with a function that was never published, and false with Front=edge-function. After the first deployment use false."
  nullable    = false

  validation {
    condition     = contains(["auto", "true", "false"], var.publish_functions)
    error_message = "Use one of auto, true, false."
  }
}

variable "origin_type" {
  type        = string
  default     = "custom"
  description = "custom: any HTTP server, API Gateway, function URL or load balancer. s3: a bucket, read with origin access control (its policy has to allow it; see the output BucketPolicyStatement). function-url: a function URL with AuthType AWS_IAM, called with origin access control (see the output FunctionPermission). CloudFront then signs requests itself, so the function gets no Authorization header, and viewers have to send the SHA-256 of a body in x-amz-content-sha256."
  nullable    = false

  validation {
    condition     = contains(["custom", "s3", "function-url"], var.origin_type)
    error_message = "Use one of custom, s3, function-url."
  }
}

variable "origin_domain_name" {
  type        = string
  default     = ""
  description = "Host name of the origin server, for example api.example.com or BUCKET.s3.eu-west-1.amazonaws.com."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9.-]*$", var.origin_domain_name))
    error_message = "Use a host name without https:// and without a path."
  }
}

variable "origin_path" {
  type        = string
  default     = ""
  description = "Path put before every request's path on its way to the origin server, for example /prod. Usually empty."
  nullable    = false

  validation {
    condition     = can(regex("^(/.*[^/])?$", var.origin_path))
    error_message = "Use a path with a slash in front and none at the end, or nothing."
  }
}

variable "origin_protocol" {
  type        = string
  default     = "https-only"
  description = "How CloudFront talks to a custom origin server. An S3 website endpoint needs http-only."
  nullable    = false

  validation {
    condition     = contains(["https-only", "http-only", "match-viewer"], var.origin_protocol)
    error_message = "Use one of https-only, http-only, match-viewer."
  }
}

variable "origin_secret_arn" {
  type        = string
  default     = ""
  description = "Secret that CloudFront sends to the origin server in the header X-Edgecors-Secret, so that the server can refuse requests that bypass CloudFront. A new value of the secret arrives with the next change of the stack."
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:secretsmanager:us-east-1:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+)?$", var.origin_secret_arn))
    error_message = "Use the ARN of a secret in Secrets Manager in us-east-1, or nothing."
  }
}

variable "forward_host" {
  type        = bool
  default     = false
  description = "Whether a custom origin server gets the viewer's Host header. API Gateway, function URLs and most hosted services need their own name, so use false. With EdgeSetup origin, rules with hosts need true: otherwise the function can't see the viewer's host, and every such rule may apply."
  nullable    = false
}

variable "caching" {
  type        = string
  default     = "on"
  description = "on: CloudFront caches what the origin server allows to be cached; the cache key has the query, all cookies and the headers Authorization, Accept and X-Api-Key. off: nothing is cached, and every viewer header reaches a custom origin server. Choose off for an origin server whose responses depend on other headers."
  nullable    = false

  validation {
    condition     = contains(["on", "off"], var.caching)
    error_message = "Use one of on, off."
  }
}

variable "price_class" {
  type        = string
  default     = "PriceClass_100"
  description = "Where CloudFront serves from. 100 is North America and Europe, 200 adds Asia and Africa, All is everywhere."
  nullable    = false

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "Use one of PriceClass_100, PriceClass_200, PriceClass_All."
  }
}

variable "aliases" {
  type        = list(string)
  default     = []
  description = "Host names of your own for the distribution, separated by commas; they need CertificateArn. Empty for none."
  nullable    = false
}

variable "certificate_arn" {
  type        = string
  default     = ""
  description = "ACM certificate in us-east-1 that covers Aliases."
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[A-Za-z0-9-]+)?$", var.certificate_arn))
    error_message = "Use the ARN of an ACM certificate in us-east-1, or nothing."
  }
}

variable "minimum_tls" {
  type        = string
  default     = "TLSv1.2_2021"
  description = "Oldest security policy that viewers may use. It applies with CertificateArn."
  nullable    = false

  validation {
    condition     = contains(["TLSv1.2_2018", "TLSv1.2_2019", "TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025"], var.minimum_tls)
    error_message = "Use one of TLSv1.2_2018, TLSv1.2_2019, TLSv1.2_2021, TLSv1.2_2025, TLSv1.3_2025."
  }
}

variable "web_acl_arn" {
  type        = string
  default     = ""
  description = "Web ACL for the distribution. Responses of AWS WAF itself have no CORS headers, so it must allow OPTIONS."
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:wafv2:us-east-1:[0-9]{12}:global/webacl/[A-Za-z0-9_-]+/[A-Za-z0-9-]+)?$", var.web_acl_arn))
    error_message = "Use the ARN of a global web ACL of AWS WAF, or nothing."
  }
}

variable "access_log_bucket" {
  type        = string
  default     = ""
  description = "Bucket for the distribution's access logs, as a host name. Its ACLs have to be enabled. Empty for no logs."
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9.-]+\\.s3\\.([a-z0-9-]+\\.)?amazonaws\\.com)?$", var.access_log_bucket))
    error_message = "Use a bucket's host name such as logs.s3.amazonaws.com, or nothing."
  }
}

variable "distribution_id" {
  type        = string
  default     = ""
  description = "With Front edge-function, the distribution that you attach the function to. Alarms and dashboard cover it; with EdgeSetup origin, which needs it, the guard invalidates it."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Z0-9]*$", var.distribution_id))
    error_message = "Use a distribution's id such as E2EXAMPLE1234, or nothing."
  }
}

variable "distribution_ids" {
  type        = list(string)
  default     = []
  description = "Ids of further distributions in the origin set-up, separated by commas. The guard of this stack invalidates them too when a policy or list that they use changes."
  nullable    = false
}

variable "upstream" {
  type        = string
  default     = ""
  description = "Where the gateway passes requests on to, with an optional base path (EDGECORS_UPSTREAM)."
  nullable    = false

  validation {
    condition     = can(regex("^(https?://[^/?#@\\s]+(/[^?#\\s]*)?)?$", var.upstream))
    error_message = "Use an http or https address without query or user, for example https://api.example.com/v1."
  }

  validation {
    condition     = length(var.upstream) <= 130
    error_message = "Use at most 130 characters."
  }
}

variable "upstreams" {
  type        = string
  default     = ""
  description = "Further upstreams by path, separated by spaces (EDGECORS_UPSTREAMS). The longest path that matches in whole segments decides; other paths go to Upstream."
  nullable    = false

  validation {
    condition     = can(regex("^(/[^\\s=,]*=https?://[^\\s,]+([\\s,]+/[^\\s=,]*=https?://[^\\s,]+)*)?$", var.upstreams))
    error_message = "Use pairs such as /api=https://api.example.com /img=http://10.0.0.5:8080, or nothing."
  }

  validation {
    condition     = length(var.upstreams) <= 300
    error_message = "Use at most 300 characters."
  }
}

variable "upstream_secret_parameter" {
  type        = string
  default     = ""
  description = "SecureString below RootPrefix that the gateway sends to its upstreams in the header X-Edgecors-Secret, so that they can refuse requests that bypass it."
  nullable    = false

  validation {
    condition     = can(regex("^((/[A-Za-z0-9_.-]+)+)?$", var.upstream_secret_parameter))
    error_message = "Use the name of a parameter such as /edgecors/secrets/shop, or nothing."
  }

  validation {
    condition     = length(var.upstream_secret_parameter) <= 100
    error_message = "Use at most 100 characters."
  }
}

variable "architecture" {
  type        = string
  default     = "arm64"
  description = "Processor of the gateway and the guard. Edge functions always run on x86_64."
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Use one of arm64, x86_64."
  }
}

variable "snap_start" {
  type        = bool
  default     = false
  description = "Whether the gateway starts from a snapshot, which makes cold starts shorter. Lambda charges for the snapshot of every version that exists. After 14 days without a request the version becomes inactive, and the next calls fail until it is active again. Not available in every Region."
  nullable    = false
}

variable "reserved_concurrency" {
  type        = number
  default     = -1
  description = "Maximum number of concurrent gateway instances, reserved from the account's concurrency in this Region. -1 for no reservation."
  nullable    = false

  validation {
    condition     = var.reserved_concurrency >= -1 && var.reserved_concurrency <= 100000
    error_message = "Use -1 to 100000."
  }
}

variable "subnet_ids" {
  type        = list(string)
  default     = []
  description = "Subnets for a gateway whose upstream is private, separated by commas. They need a route to Parameter Store: a NAT gateway, or an interface endpoint for ssm (and for kms with SecureStrings). Empty for no VPC."
  nullable    = false
}

variable "security_group_ids" {
  type        = list(string)
  default     = []
  description = "Security groups of the gateway in these subnets, separated by commas. Set both SubnetIds and SecurityGroupIds, or neither."
  nullable    = false
}

variable "rest_stage_name" {
  type        = string
  default     = "live"
  description = "Name of the REST API's stage, the first segment of its paths."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_]+$", var.rest_stage_name))
    error_message = "Use letters, digits and underscore only."
  }
}

variable "api_access_logs" {
  type        = bool
  default     = false
  description = "Whether the HTTP or REST API writes access logs, to the log group /edgecors/STACK/access. For a REST API, the account needs a role for API Gateway's logs."
  nullable    = false
}

variable "gateway_response_origin" {
  type        = string
  default     = ""
  description = "REST API only. Errors that API Gateway makes itself (401 and 403 of an authorizer, 429, 504 ...) never reach the function, and can't be matched with an allowlist. They get this one origin as Access-Control-Allow-Origin, without credentials. Empty: they get no CORS header. CloudFront in front applies the whole list to them."
  nullable    = false

  validation {
    condition     = can(regex("^([a-z][a-z0-9+.-]*://[a-z0-9._:\\[\\]-]+)?$", var.gateway_response_origin))
    error_message = "Use one origin, lower case, without a slash at the end, for example https://app.example.com."
  }
}

variable "root_prefix" {
  type        = string
  default     = "/edgecors"
  description = "Where the parameters are (EDGECORS_ROOT). Edge functions have no environment variables and always read /edgecors, so it can't be changed for edge and edge-function."
  nullable    = false

  validation {
    condition     = can(regex("^(/[A-Za-z0-9_.-]+)+$", var.root_prefix))
    error_message = "Use a path such as /edgecors, without a slash at the end."
  }

  validation {
    condition     = length(var.root_prefix) <= 40
    error_message = "Use at most 40 characters."
  }
}

variable "replica_regions" {
  type        = list(string)
  default     = ["us-east-2", "us-west-1", "us-west-2", "sa-east-1", "eu-west-1", "eu-west-2", "eu-central-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ap-northeast-2"]
  description = "Regions that the guard copies valid values to, separated by commas, so that functions there read nearby. The default for edge and edge-function is every other Region that runs edge functions, which costs nothing for standard parameters; with the other fronts the default means none. none: no copies."
  nullable    = false
}

variable "auto_revert" {
  type        = bool
  default     = false
  description = "Whether the guard writes the last good version again when a value is invalid. Otherwise it only sends a notice, and functions that have a good policy keep using it."
  nullable    = false
}

variable "secure_string_key_arn" {
  type        = string
  default     = ""
  description = "KMS key of your own that SecureString parameters are encrypted with. With replicas it has to be a multi-Region key that has a replica in each Region. Leave empty for String, StringList and the account's own key aws/ssm."
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$", var.secure_string_key_arn))
    error_message = "Use the ARN of a KMS key (not of an alias), or nothing."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  default     = ""
  description = "Permissions boundary of every role in the stack."
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9/_+=,.@-]+)?$", var.permissions_boundary_arn))
    error_message = "Use the ARN of a managed policy, or nothing."
  }
}

variable "role_path" {
  type        = string
  default     = "/"
  description = "Path of every role and policy in the stack."
  nullable    = false

  validation {
    condition     = can(regex("^/([A-Za-z0-9_+=,.@-]+/)*$", var.role_path))
    error_message = "Use a path such as /teams/web/, with a slash at both ends."
  }
}

variable "encryption_key_arn" {
  type        = string
  default     = ""
  description = "KMS key of your own for this Region's log groups, the topic and the queues. Its policy has to allow CloudWatch Logs, CloudWatch and EventBridge (see docs/deploy.md). Empty for the keys of these services."
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$", var.encryption_key_arn))
    error_message = "Use the ARN of a KMS key (not of an alias), or nothing."
  }
}

variable "log_retention_days" {
  type        = number
  default     = 30
  description = "Days to keep logs. The guard also sets it on the edge function's log groups in other Regions."
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731], var.log_retention_days)
    error_message = "Use one of 1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731."
  }
}

variable "log_level" {
  type        = string
  default     = "INFO"
  description = "How much the guard logs."
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "Use one of DEBUG, INFO, WARNING, ERROR."
  }
}

variable "tracing" {
  type        = bool
  default     = false
  description = "Whether the gateway and the guard are traced with X-Ray. Edge functions can't be."
  nullable    = false
}
