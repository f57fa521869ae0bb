{{/* The labels of every object; call with (list $ own), own labels being those of one part. */}}
{{- define "inspan-monitoring.labels" -}}
{{- $root := index . 0 -}}
{{- $ours := dict "app.kubernetes.io/name" "inspan-monitoring" "app.kubernetes.io/instance" $root.Release.Name "app.kubernetes.io/managed-by" $root.Release.Service "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) -}}
{{- range $name, $value := merge (dict) (index . 1) $root.Values.labels $ours }}
{{- if not (kindIs "invalid" $value) }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* A file of this chart, with links to where the runbook is; call with (list $ path). */}}
{{- define "inspan-monitoring.file" -}}
{{- $root := index . 0 -}}
{{- $root.Files.Get (index . 1) | replace "docs/runbook.md#" (printf "%s#" $root.Values.runbookUrl) -}}
{{- end }}

{{/* A ConfigMap with one dashboard; call with (list $ name). */}}
{{- define "inspan-monitoring.dashboard" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- with $root.Values.dashboards }}
{{- if .enabled }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $root.Release.Name }}-{{ $name }}
  namespace: {{ .namespace | default $root.Release.Namespace }}
  labels:
    {{- include "inspan-monitoring.labels" (list $root .labels) | trim | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
data:
  {{ $name }}.json: |-
    {{- include "inspan-monitoring.file" (list $root (printf "dashboards/%s.json" $name)) | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{/* A time as the schema has it, 45s or 1m, in seconds. */}}
{{- define "inspan-monitoring.seconds" -}}
{{- if hasSuffix "m" . }}{{ mul 60 (trimSuffix "m" . | int) }}{{ else }}{{ trimSuffix "s" . }}{{ end -}}
{{- end }}
