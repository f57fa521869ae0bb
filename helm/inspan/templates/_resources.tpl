{{/* What the container is given: amounts that Kubernetes takes, in which the process has room. */}}
{{- define "inspan.checks.memory" -}}
{{- $resources := .Values.inspan.resources | default dict -}}
{{- include "inspan.checks.quantities" $resources -}}
{{- $limit := dig "limits" "memory" "" $resources -}}
{{- if not $limit -}}
{{- fail "inspan.resources.limits.memory: is missing; use one such as 256Mi: how many spans are held follows from it" -}}
{{- end -}}
{{- $bytes := include "inspan.bytes" $limit | int64 -}}
{{- /* At rest it takes 53 MiB (docs/sizing.md), and `auto` 40 % of the limit for spans: with less than 88 MiB full queues do
not fit. 96 leave 4 for what passes. */ -}}
{{- if lt $bytes 100663296 -}}
{{- fail (printf "inspan.resources.limits.memory: %v is too little; the process takes 53 MiB before it holds a span, so 96Mi at least" $limit) -}}
{{- end -}}
{{- include "inspan.checks.requests" $resources -}}
{{- $budget := dig "memory" "max_bytes" "auto" .Values.inspan.config -}}
{{- if ne (toString $budget) "auto" -}}
{{- /* The interpreter has its 53 MiB, and buffers grow with what passes. */ -}}
{{- $asked := include "inspan.bytes" $budget | int64 -}}
{{- if or (gt $asked (div $bytes 2)) (gt $asked (sub $bytes 55574528)) -}}
{{- fail (printf "inspan.config.memory.max_bytes: %v is more than half of inspan.resources.limits.memory (%v), or leaves no 53 MiB, and the process needs the rest; lower it, raise the limit, or take it out: it follows from the limit" $budget $limit) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* inspan.checks.quantities: of resources. Kubernetes refuses others, but not 256m of memory, which is a quarter of a byte. */}}
{{- define "inspan.checks.quantities" -}}
{{- $resources := . -}}
{{- $forms := dict "memory" "^[0-9]+([.][0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$" "cpu" "^[0-9]+(m|[.][0-9]{1,3})?$" -}}
{{- $forms = set $forms "ephemeral-storage" $forms.memory -}}
{{- range $name, $form := $forms -}}
{{- range $kind := list "limits" "requests" -}}
{{- $text := include "inspan.quantity" (dig $kind $name "" $resources) -}}
{{- if and $text (not (regexMatch $form $text)) -}}
{{- fail (printf "inspan.resources.%s.%s: %s is no amount of it; use one such as %s" $kind $name $text (ternary "50m" "256Mi" (eq $name "cpu"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "inspan.checks.requests" -}}
{{- $resources := . -}}
{{- range $name, $unit := dict "memory" "inspan.bytes" "cpu" "inspan.millicores" "ephemeral-storage" "inspan.bytes" -}}
{{- $limit := include "inspan.quantity" (dig "limits" $name "" $resources) -}}
{{- $request := include "inspan.quantity" (dig "requests" $name "" $resources) -}}
{{- if and $limit $request -}}
{{- if gt (include $unit $request | int64) (include $unit $limit | int64) -}}
{{- fail (printf "inspan.resources.requests.%s: %s is more than inspan.resources.limits.%s (%s), which Kubernetes refuses; lower it, or raise the limit" $name $request $name $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* inspan.quantity: as text. Numbers are float64 in templates, and 268435456 would be 2.68435456e+08. */}}
{{- define "inspan.quantity" -}}
{{- if kindIs "float64" . }}{{ printf "%.3f" . | trimSuffix ".000" }}{{ else }}{{ toString . }}{{ end -}}
{{- end }}

{{- define "inspan.millicores" -}}
{{- if hasSuffix "m" . }}{{ trimSuffix "m" . }}{{ else }}{{ mulf (float64 .) 1000 | int64 }}{{ end -}}
{{- end }}
