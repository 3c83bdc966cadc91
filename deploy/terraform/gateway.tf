resource "aws_lambda_function" "gateway" {
  count = local.has_gateway ? 1 : 0

  function_name    = "${var.name}-gateway"
  description      = "edgecors gateway"
  filename         = local.gateway_zip
  source_code_hash = filebase64sha256(local.gateway_zip)
  handler          = "app.handler"
  runtime          = "python3.13"
  architectures    = [var.architecture]
  memory_size      = 512
  # API Gateway waits this long. The upstream's deadlines follow from the remaining time.
  timeout                        = 29
  role                           = aws_iam_role.gateway[0].arn
  publish                        = true
  reserved_concurrent_executions = var.reserved_concurrency
  tags                           = var.tags

  environment {
    variables = {
      EDGECORS_SITE                      = var.site
      EDGECORS_ROOT                      = var.root_prefix
      EDGECORS_UPSTREAM                  = var.upstream
      EDGECORS_UPSTREAMS                 = var.upstreams
      EDGECORS_UPSTREAM_SECRET_PARAMETER = var.upstream_secret_parameter
    }
  }

  logging_config {
    log_group  = aws_cloudwatch_log_group.gateway[0].name
    log_format = "Text"
  }

  snap_start {
    apply_on = var.snap_start ? "PublishedVersions" : "None"
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = local.has_vpc ? [true] : []
    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  depends_on = [aws_iam_role_policy_attachment.gateway, terraform_data.rules]
}

resource "aws_lambda_alias" "gateway" {
  count = local.has_gateway ? 1 : 0

  name             = "live"
  function_name    = aws_lambda_function.gateway[0].function_name
  function_version = aws_lambda_function.gateway[0].version
}

resource "aws_cloudwatch_log_group" "gateway" {
  count = local.has_gateway ? 1 : 0

  name              = "/edgecors/${var.name}/gateway"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.encryption_key
  tags              = var.tags
}

resource "aws_iam_role" "gateway" {
  count = local.has_gateway ? 1 : 0

  name                 = "${var.name}-gateway"
  description          = "edgecors gateway, stack ${var.name}"
  path                 = var.role_path
  permissions_boundary = local.boundary
  tags                 = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "gateway" {
  count = local.has_gateway ? 1 : 0

  role       = aws_iam_role.gateway[0].name
  policy_arn = aws_iam_policy.gateway[0].arn
}

resource "aws_iam_policy" "gateway" {
  count = local.has_gateway ? 1 : 0

  name = "${var.name}-gateway"
  path = var.role_path
  tags = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "ReadPolicies"
          Effect   = "Allow"
          Action   = ["ssm:GetParameter", "ssm:GetParameters"]
          Resource = "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${var.root_prefix}/*"
        },
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/edgecors/${var.name}/gateway:*"
        },
      ],
      [for any in var.tracing ? ["*"] : [] : {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        Resource = any
      }],
      # Lambda itself uses these; they can't be narrowed to subnets.
      [for any in local.has_vpc ? ["*"] : [] : {
        Sid    = "UseNetwork"
        Effect = "Allow"
        Action = [
          "ec2:CreateNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:DeleteNetworkInterface",
          "ec2:AssignPrivateIpAddresses",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = any
      }],
      [for key in local.has_key ? [local.key_arn] : [] : {
        Sid       = "DecryptPolicies"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = key
        Condition = { StringEquals = { "kms:ViaService" = "ssm.${local.region}.${local.url_suffix}" } }
      }],
    )
  })
}
