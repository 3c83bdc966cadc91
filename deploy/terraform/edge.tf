# The edge function. No tracing, environment variables, layers or arm64: CloudFront refuses them.

resource "aws_lambda_function" "edge" {
  count = local.has_edge_function ? 1 : 0

  function_name    = "${var.name}-edge"
  description      = "edgecors at CloudFront, ${var.edge_setup} set-up"
  filename         = local.edge_zip
  source_code_hash = filebase64sha256(local.edge_zip)
  handler          = local.origin_setup ? "app.origin_handler" : "app.viewer_handler"
  runtime          = "python3.13"
  architectures    = ["x86_64"]
  memory_size      = 128
  timeout          = 5
  role             = aws_iam_role.edge[0].arn
  publish          = true
  # CloudFront deletes replicas only hours after the last association is removed; until then the function can't be deleted.
  skip_destroy = true
  tags         = var.tags

  logging_config {
    # The function uses this name in every Region that runs it. The guard sets the retention of those log groups.
    log_group  = aws_cloudwatch_log_group.edge[0].name
    log_format = "Text"
  }

  depends_on = [aws_iam_role_policy.edge, terraform_data.rules]
}

resource "aws_lambda_alias" "edge" {
  count = local.has_edge_function ? 1 : 0

  name             = "live"
  function_name    = aws_lambda_function.edge[0].function_name
  function_version = aws_lambda_function.edge[0].version
}

resource "aws_cloudwatch_log_group" "edge" {
  count = local.has_edge_function ? 1 : 0

  name              = "/edgecors/${var.name}/edge"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.encryption_key
  tags              = var.tags
}

resource "aws_iam_role" "edge" {
  count = local.has_edge_function ? 1 : 0

  name                 = "${var.name}-edge"
  description          = "edgecors at CloudFront, stack ${var.name}"
  path                 = var.role_path
  permissions_boundary = local.boundary
  tags                 = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["lambda.amazonaws.com", "edgelambda.amazonaws.com"] }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "edge" {
  count = local.has_edge_function ? 1 : 0

  name = "edge"
  role = aws_iam_role.edge[0].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          # Any Region: the function asks the executing Region first, which may have replicas, and then us-east-1.
          Sid      = "ReadPolicies"
          Effect   = "Allow"
          Action   = ["ssm:GetParameter", "ssm:GetParameters"]
          Resource = "arn:${local.partition}:ssm:*:${local.account}:parameter/edgecors/*"
        },
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = [local.edge_log_group_arn, "${local.edge_log_group_arn}:*"]
        },
      ],
      [for key in local.has_key ? [local.key_arn] : [] : {
        Sid       = "DecryptPolicies"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = key
        Condition = { StringLike = { "kms:ViaService" = "ssm.*.${local.url_suffix}" } }
      }],
    )
  })
}

# The CloudFront Functions.

resource "aws_cloudfront_key_value_store" "policies" {
  count = local.has_viewer_functions ? 1 : 0

  name    = var.name
  comment = "Policies of edgecors"
}

resource "aws_cloudfront_function" "viewer" {
  for_each = local.has_viewer_functions ? toset(["request", "response"]) : toset([])

  name                         = "${var.name}-${each.key}"
  comment                      = "edgecors at viewer-${each.key}"
  runtime                      = "cloudfront-js-2.0"
  publish                      = local.publishes_functions
  code                         = file("${var.package}/${one(fileset(var.package, "edgecors-viewer-${each.key}-*.js"))}")
  key_value_store_associations = [aws_cloudfront_key_value_store.policies[0].arn]
}
