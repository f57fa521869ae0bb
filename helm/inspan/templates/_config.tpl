{{/* inspan.config: what the sidecar is told, as YAML: the values' config, and what the chart knows of its own volumes. */}}
{{- define "inspan.config" -}}
{{- $values := .Values.inspan -}}
{{- $config := deepCopy $values.config -}}
{{- if include "inspan.spooled" . -}}
{{- $half := div (include "inspan.bytes" $values.spool.size | int64) 2 -}}
{{- $lifetime := ternary "pod" "persistent" (eq $values.spool.volume "emptyDir") -}}
{{- $_ := set $config "spool" (merge $config.spool (dict "max_bytes" $half "lifetime" $lifetime)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end }}

{{/*
inspan.config.escaped: the same for a container's env, where Kubernetes makes $ of $$, and a variable's value of $(NAME).
Left alone where neither is there, so that ${TOKEN} is read as it was written.
*/}}
{{- define "inspan.config.escaped" -}}
{{- $config := include "inspan.config" . -}}
{{- if regexMatch "[$][$(]" $config -}}
{{- $config | replace "$" "$$" -}}
{{- else -}}
{{- $config -}}
{{- end -}}
{{- end }}

{{/* inspan.bytes: of 64MiB, 2Gi, 500M or a number, rounded down. Empty where it is no size. */}}
{{- define "inspan.bytes" -}}
{{- $text := . | toString | lower | nospace -}}
{{- if kindIs "float64" . }}{{ $text = printf "%.0f" . }}{{ end -}}
{{- $units := dict "" 1 "b" 1 "k" 1000 "kb" 1000 "m" 1000000 "mb" 1000000 "g" 1000000000 "gb" 1000000000 "t" 1000000000000
  "ki" 1024 "kib" 1024 "mi" 1048576 "mib" 1048576 "gi" 1073741824 "gib" 1073741824 "ti" 1099511627776 -}}
{{- if regexMatch "^[0-9]+([.][0-9]+)?[a-z]*$" $text -}}
{{- $unit := get $units (regexFind "[a-z]*$" $text) -}}
{{- if $unit }}{{ mulf (regexFind "^[0-9.]+" $text | float64) $unit | floor | int64 }}{{ end -}}
{{- end -}}
{{- end }}

{{/* inspan.seconds: of 20s, 1.5m, 100ms, 1h or a number, as whole seconds, rounded up. Empty where it is no time. */}}
{{- define "inspan.seconds" -}}
{{- $text := . | toString | nospace -}}
{{- $units := dict "" 1.0 "us" 0.000001 "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 -}}
{{- if regexMatch "^[0-9]+([.][0-9]+)?[a-z]*$" $text -}}
{{- $unit := get $units (regexFind "[a-z]*$" $text) -}}
{{- if $unit }}{{ mulf (regexFind "^[0-9.]+" $text | float64) $unit | ceil | int64 }}{{ end -}}
{{- end -}}
{{- end }}
