# The guard checks each change of an allowlist. It is in the Region where the lists are edited.

resource "aws_lambda_function" "guard" {
  count = local.has_guard ? 1 : 0

  function_name    = "${var.name}-guard"
  description      = "edgecors guard, checks each change of an allowlist"
  filename         = local.guard_zip
  source_code_hash = filebase64sha256(local.guard_zip)
  handler          = "app.handler"
  runtime          = "python3.13"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 120
  role             = aws_iam_role.guard[0].arn
  tags             = var.tags

  environment {
    variables = {
      EDGECORS_ROOT            = var.root_prefix
      EDGECORS_REPLICA_REGIONS = local.has_replicas ? local.regions : ""
      EDGECORS_AUTO_REVERT     = tostring(var.auto_revert)
      EDGECORS_TOPIC_ARN       = aws_sns_topic.notices[0].arn
      # origin when there is a distribution to invalidate. The module's own is among them in the origin set-up only.
      EDGECORS_EDGE_SETUP = local.guard_invalidates ? "origin" : "viewer"
      EDGECORS_DISTRIBUTION_IDS = join(",", concat(
        local.invalidates_own_distribution ? [local.distribution_id] : [],
        var.distribution_ids,
      ))
      EDGECORS_INVALIDATION_QUEUE_URL = local.guard_invalidates ? aws_sqs_queue.invalidations[0].url : ""
      EDGECORS_EDGE_LOG_GROUPS        = local.has_edge_function ? aws_cloudwatch_log_group.edge[0].name : ""
      EDGECORS_LOG_RETENTION_DAYS     = tostring(var.log_retention_days)
      EDGECORS_KEY_VALUE_STORES       = local.guard_fills_store ? "${local.distribution_id}=${aws_cloudfront_key_value_store.policies[0].arn}" : ""
      POWERTOOLS_SERVICE_NAME         = "edgecors-guard"
      POWERTOOLS_METRICS_NAMESPACE    = "edgecors"
      POWERTOOLS_LOG_LEVEL            = var.log_level
    }
  }

  logging_config {
    log_group  = aws_cloudwatch_log_group.guard[0].name
    log_format = "Text"
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead_letters[0].arn
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  depends_on = [aws_iam_role_policy.guard, terraform_data.rules]
}

resource "aws_lambda_function_event_invoke_config" "guard" {
  count = local.has_guard ? 1 : 0

  function_name                = aws_lambda_function.guard[0].function_name
  maximum_event_age_in_seconds = 21600
  maximum_retry_attempts       = 2
}

resource "aws_cloudwatch_event_rule" "changes" {
  count = local.has_guard ? 1 : 0

  name        = "${var.name}-changes"
  description = "Changes of allowlists, for edgecors"
  tags        = var.tags
  event_pattern = jsonencode({
    source      = ["aws.ssm"]
    detail-type = ["Parameter Store Change"]
    detail = {
      name      = [{ prefix = "${var.root_prefix}/" }]
      operation = ["Create", "Update", "Delete"]
    }
  })
}

resource "aws_cloudwatch_event_target" "changes" {
  count = local.has_guard ? 1 : 0

  rule      = aws_cloudwatch_event_rule.changes[0].name
  target_id = "guard"
  arn       = aws_lambda_function.guard[0].arn

  retry_policy {
    maximum_event_age_in_seconds = 21600
    maximum_retry_attempts       = 30
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters[0].arn
  }
}

resource "aws_lambda_permission" "changes" {
  count = local.has_guard ? 1 : 0

  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.guard[0].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.changes[0].arn
}

# Edge functions write their metrics and logs in the Region that runs them. The guard reads the metrics of all those Regions,
# publishes the worst values here, sets the retention of the log groups there, and repairs replicas and the KeyValueStore.
resource "aws_cloudwatch_event_rule" "schedule" {
  count = local.guard_checks_regions ? 1 : 0

  name                = "${var.name}-schedule"
  description         = "Checks the Regions that run edge functions, for edgecors"
  schedule_expression = "rate(15 minutes)"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "schedule" {
  count = local.guard_checks_regions ? 1 : 0

  rule      = aws_cloudwatch_event_rule.schedule[0].name
  target_id = "guard"
  arn       = aws_lambda_function.guard[0].arn
  input     = "{\"edgecors\": \"check-regions\"}"

  # The next run repeats the check.
  retry_policy {
    maximum_event_age_in_seconds = 300
    maximum_retry_attempts       = 0
  }
}

resource "aws_lambda_permission" "schedule" {
  count = local.guard_checks_regions ? 1 : 0

  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.guard[0].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule[0].arn
}

resource "aws_cloudwatch_log_group" "guard" {
  count = local.has_guard ? 1 : 0

  name              = "/edgecors/${var.name}/guard"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.encryption_key
  tags              = var.tags
}

resource "aws_sqs_queue" "dead_letters" {
  count = local.has_guard ? 1 : 0

  name                      = "${var.name}-guard-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = local.encryption_key == null ? true : null
  kms_master_key_id         = local.encryption_key
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "dead_letters" {
  count = local.has_guard ? 1 : 0

  queue_url = aws_sqs_queue.dead_letters[0].url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EventsThatCouldNotBeDelivered"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.dead_letters[0].arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.changes[0].arn } }
    }]
  })
}

# Edge functions use a policy for refresh_seconds, so an invalidated cache can fill with old responses again. The guard
# invalidates it once more after that time; until then the invalidation waits here.
resource "aws_sqs_queue" "invalidations" {
  count = local.guard_invalidates ? 1 : 0

  name = "${var.name}-guard-invalidations"
  # Six times the function's time limit, as Lambda recommends.
  visibility_timeout_seconds = 720
  message_retention_seconds  = 86400
  sqs_managed_sse_enabled    = local.encryption_key == null ? true : null
  kms_master_key_id          = local.encryption_key
  tags                       = var.tags
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[0].arn
    maxReceiveCount     = 5
  })
}

resource "aws_lambda_event_source_mapping" "invalidations" {
  count = local.guard_invalidates ? 1 : 0

  event_source_arn = aws_sqs_queue.invalidations[0].arn
  function_name    = aws_lambda_function.guard[0].arn
  batch_size       = 10
}

resource "aws_iam_role" "guard" {
  count = local.has_guard ? 1 : 0

  name                 = "${var.name}-guard"
  description          = "edgecors guard, stack ${var.name}"
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

locals {
  parameters_arn = "arn:${local.partition}:ssm:*:${local.account}:parameter${var.root_prefix}/*"

  invalidated_arns = length(var.distribution_ids) > 0 ? "*" : local.distribution_id
}

resource "aws_iam_role_policy" "guard" {
  count = local.has_guard ? 1 : 0

  name = "guard"
  role = aws_iam_role.guard[0].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      # GetParametersByPath finds the policies that use a changed list; IAM checks it against the path itself.
      [{
        Sid       = "ReadPolicies"
        Effect    = "Allow"
        Action    = ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParameterHistory", "ssm:GetParametersByPath"]
        Resource  = local.parameters_arn
        Condition = { StringEquals = { "aws:RequestedRegion" = local.guard_regions } }
      }],
      [for arn in local.guard_writes ? [local.parameters_arn] : [] : {
        Sid       = "CopyAndRevert"
        Effect    = "Allow"
        Action    = ["ssm:PutParameter", "ssm:DeleteParameter"]
        Resource  = arn
        Condition = { StringEquals = { "aws:RequestedRegion" = local.guard_regions } }
      }],
      [for id in local.guard_invalidates ? [local.invalidated_arns] : [] : {
        Sid      = "Invalidate"
        Effect   = "Allow"
        Action   = "cloudfront:CreateInvalidation"
        Resource = "arn:${local.partition}:cloudfront::${local.account}:distribution/${id}"
      }],
      [for queue in aws_sqs_queue.invalidations : {
        Sid      = "InvalidateOnceMore"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = queue.arn
      }],
      [for store in local.guard_fills_store ? aws_cloudfront_key_value_store.policies : [] : {
        Sid    = "WriteStore"
        Effect = "Allow"
        Action = [
          "cloudfront-keyvaluestore:DescribeKeyValueStore",
          "cloudfront-keyvaluestore:ListKeys",
          "cloudfront-keyvaluestore:UpdateKeys",
        ]
        Resource = store.arn
      }],
      [for any in local.guard_checks_regions ? ["*"] : [] : {
        Sid      = "ReadMetrics"
        Effect   = "Allow"
        Action   = "cloudwatch:GetMetricData"
        Resource = any
      }],
      [for arn in local.guard_checks_regions ? [local.edge_log_group_arn] : [] : {
        Sid      = "SetRetention"
        Effect   = "Allow"
        Action   = "logs:PutRetentionPolicy"
        Resource = [arn, "${arn}:*"]
      }],
      [for any in var.tracing ? ["*"] : [] : {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        Resource = any
      }],
      [for key in local.encryption_key == null ? [] : [local.encryption_key] : {
        Sid      = "UseEncryptionKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = key
      }],
      [
        {
          Sid      = "SendNotices"
          Effect   = "Allow"
          Action   = "sns:Publish"
          Resource = aws_sns_topic.notices[0].arn
        },
        {
          Sid      = "KeepFailedEvents"
          Effect   = "Allow"
          Action   = "sqs:SendMessage"
          Resource = aws_sqs_queue.dead_letters[0].arn
        },
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/edgecors/${var.name}/guard:*"
        },
      ],
      [for key in local.has_key ? [local.key_arn] : [] : {
        Sid       = "UseKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
        Resource  = key
        Condition = { StringLike = { "kms:ViaService" = "ssm.*.${local.url_suffix}" } }
      }],
    )
  })
}
