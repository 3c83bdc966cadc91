data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account    = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region
  url_suffix = data.aws_partition.current.dns_suffix

  edge_zip    = "${var.package}/${one(fileset(var.package, "edgecors-edge-*.zip"))}"
  gateway_zip = "${var.package}/${one(fileset(var.package, "edgecors-gateway-*.zip"))}"
  guard_zip   = "${var.package}/${one(fileset(var.package, "edgecors-guard-*.zip"))}"
  layer_zip   = "${var.package}/${one(fileset(var.package, "edgecors-layer-*.zip"))}"

  # The template's conditions, under the same names.
  is_edge              = var.front == "edge"
  is_at_cloudfront     = contains(["edge", "edge-function"], var.front)
  is_http_api          = var.front == "http-api"
  is_rest_api          = var.front == "rest-api"
  is_function_url      = var.front == "function-url"
  is_alb               = var.front == "alb"
  has_gateway          = contains(["http-api", "rest-api", "function-url", "alb"], var.front)
  functions_setup      = var.edge_setup == "functions"
  origin_setup         = var.edge_setup == "origin"
  has_viewer_functions = local.is_at_cloudfront && local.functions_setup
  publishes_functions  = var.publish_functions == "true" || (var.publish_functions == "auto" && local.is_edge)
  has_edge_function    = local.is_at_cloudfront && (var.error_headers || !local.functions_setup)
  has_distribution     = local.is_edge || (var.front == "edge-function" && var.distribution_id != "")
  has_site             = local.has_distribution || local.has_gateway

  is_s3                     = var.origin_type == "s3"
  is_signed_url             = var.origin_type == "function-url"
  has_origin_access_control = local.is_edge && (local.is_s3 || local.is_signed_url)
  # The host is part of a signed request.
  forwards_host      = var.forward_host && !local.is_s3 && !local.is_signed_url
  caches             = var.caching == "on"
  has_viewer_cache   = local.is_edge && local.caches && !local.origin_setup
  has_origin_cache   = local.is_edge && local.caches && local.origin_setup
  has_request_policy = local.is_edge && local.caches && !local.is_s3
  has_certificate    = var.certificate_arn != ""
  has_vpc            = length(var.subnet_ids) > 0

  has_guard = var.guard == "true" || (var.guard == "auto" && var.front != "layer-only")
  # Policies are edited where the guard is. An edge stack's guard is in us-east-1, and copies the root /edgecors only.
  uses_guard_of_edge = !local.has_guard && var.root_prefix == "/edgecors"
  # The default is meant for edge functions.
  default_regions              = ["us-east-2", "us-west-1", "us-west-2", "sa-east-1", "eu-west-1", "eu-west-2", "eu-central-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ap-northeast-2"]
  regions                      = join(",", var.replica_regions)
  has_replicas                 = local.regions != "" && local.regions != "none" && (local.is_at_cloudfront || local.regions != join(",", local.default_regions))
  guard_writes                 = local.has_replicas || var.auto_revert
  guard_regions                = local.has_replicas ? concat([local.region], var.replica_regions) : [local.region]
  invalidates_own_distribution = local.has_distribution && local.origin_setup
  guard_invalidates            = local.has_guard && (local.invalidates_own_distribution || length(var.distribution_ids) > 0)
  guard_checks_regions         = local.has_guard && local.is_at_cloudfront
  guard_fills_store            = local.has_guard && local.has_viewer_functions && local.has_distribution

  has_alias = local.has_distribution && var.site != ""
  has_key   = var.secure_string_key_arn != ""
  has_topic = local.has_guard || var.alarms

  boundary       = var.permissions_boundary_arn == "" ? null : var.permissions_boundary_arn
  encryption_key = var.encryption_key_arn == "" ? null : var.encryption_key_arn

  distribution_id = local.is_edge ? aws_cloudfront_distribution.edge[0].id : var.distribution_id
  site            = local.has_gateway ? var.site : local.distribution_id

  # The same key id in every Region: a multi-Region key has another ARN in each.
  key_parts = split(":", "${var.secure_string_key_arn}:::::")
  key_arn   = "arn:${local.partition}:kms:*:${local.key_parts[4]}:${local.key_parts[5]}"

  edge_log_group_arn = "arn:${local.partition}:logs:*:${local.account}:log-group:/edgecors/${var.name}/edge"
}

# What the template's rules refuse.
resource "terraform_data" "rules" {
  lifecycle {
    precondition {
      condition     = !local.is_at_cloudfront || local.region == "us-east-1"
      error_message = "CloudFront uses functions of us-east-1 only. Deploy the fronts edge and edge-function with --region us-east-1; the other fronts work in any Region."
    }
    precondition {
      condition     = !local.is_edge || var.origin_domain_name != ""
      error_message = "The front edge needs OriginDomainName: the host name of the server that CloudFront fetches from."
    }
    precondition {
      condition     = !local.is_edge || length(var.aliases) == 0 || local.has_certificate
      error_message = "Aliases need a certificate that covers them (CertificateArn)."
    }
    precondition {
      condition     = !local.is_at_cloudfront || var.root_prefix == "/edgecors"
      error_message = "Edge functions have no environment variables, so RootPrefix must stay /edgecors for these fronts."
    }
    precondition {
      condition     = var.front != "edge-function" || !local.origin_setup || var.distribution_id != ""
      error_message = "EdgeSetup origin needs DistributionId with the front edge-function: the guard invalidates this distribution when a policy changes."
    }
    precondition {
      condition     = (length(var.subnet_ids) == 0) == (length(var.security_group_ids) == 0)
      error_message = "A gateway in a VPC needs both SubnetIds and SecurityGroupIds."
    }
    precondition {
      condition     = !local.has_gateway || var.site != ""
      error_message = "This front needs Site: the last part of the name of its policy's parameter."
    }
    precondition {
      condition     = !local.has_gateway || var.upstream != ""
      error_message = "This front needs Upstream: the address that requests are passed on to."
    }
  }
}

resource "aws_lambda_layer_version" "layer" {
  layer_name               = "${var.name}-edgecors"
  description              = "from edgecors import cors"
  filename                 = local.layer_zip
  source_code_hash         = filebase64sha256(local.layer_zip)
  compatible_runtimes      = ["python3.11", "python3.12", "python3.13", "python3.14"]
  compatible_architectures = ["x86_64", "arm64"]
  license_info             = "Apache-2.0"
  # Functions outside this module use old versions.
  skip_destroy = true
}

# A distribution without a policy of its own uses the policy of the site that its alias names.
resource "aws_ssm_parameter" "alias" {
  count = local.has_alias ? 1 : 0

  name        = "/edgecors/aliases/${local.distribution_id}"
  type        = "String"
  value       = var.site
  description = "Written by an edgecors stack"
  tags        = var.tags
  # The guard then copies the alias to the replicas.
  depends_on = [aws_cloudwatch_event_target.changes, aws_lambda_permission.changes]
}
