{{/* Secrets by reference alone: what is in the values is in the release, and in a repository as a rule. No message shows one. */}}
{{- define "inspan.checks.secrets" -}}
{{- range $name, $_ := .Values.inspan.secrets -}}
{{- if has $name (list "INSPAN_SOCKET" "INSPAN_CONFIG" "INSPAN_CONFIG_YAML") -}}
{{- fail (printf "inspan.secrets.%s: is set by the chart; use another name" $name) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "inspan.checks.destinations" -}}
{{- $root := . -}}
{{- $destinations := .Values.inspan.config.destinations -}}
{{- if not $destinations -}}
{{- fail "inspan.config.destinations: is missing; name an upstream, as in docs/configuration.md" -}}
{{- end -}}
{{- $names := list -}}
{{- range $index, $each := $destinations -}}
{{- $place := printf "inspan.config.destinations[%d]" $index -}}
{{- if has $each.name $names }}{{ fail (printf "%s.name: %s is taken by an earlier one" $place $each.name) }}{{ end -}}
{{- $names = append $names $each.name -}}
{{- if eq $each.kind "file" -}}
{{- fail (printf "%s.kind: file has nowhere to write to, since the container's file system is read-only; use otlp, sgp or agentex" $place) -}}
{{- end -}}
{{- include "inspan.checks.url" (dict "values" $root.Values.inspan "place" $place "destination" $each) -}}
{{- range $header, $text := $each.headers -}}
{{- include "inspan.checks.header" (dict "values" $root.Values.inspan "place" (printf "%s.headers.%s" $place $header) "header" $header "text" $text) -}}
{{- end -}}
{{- range $key, $path := $each.tls -}}
{{- if and (hasSuffix "_file" $key) $path -}}
{{- include "inspan.checks.file" (dict "values" $root.Values.inspan "place" (printf "%s.tls.%s" $place $key) "path" $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "inspan.checks.url" -}}
{{- $variable := printf "INSPAN_DESTINATIONS__%s__URL" (.destination.name | upper | replace "-" "_") -}}
{{- $url := .destination.url | default "" -}}
{{- if and (not $url) (not (hasKey (.values.secrets | default dict) $variable)) -}}
{{- fail (printf "%s.url: is missing" .place) -}}
{{- end -}}
{{- if or (regexMatch "^[^?]*@" $url) (regexMatch (printf "[?&][^=&]*(%s)[^=&]*=" (include "inspan.telltale" .)) $url) -}}
{{- fail (printf "%s.url: holds what looks like a credential; put the whole address into a Secret, and its name under inspan.secrets.%s" .place $variable) -}}
{{- end -}}
{{- /* Not repeated: what is no address may be a key. */ -}}
{{- if and $url (not (regexMatch "^(?i:https?)://([^\\s/?#@:\\\\\\[\\]]+|\\[[0-9a-fA-F:.]+\\])(:(0*[1-9][0-9]{0,4})?)?([/?][^\\s#\\\\]*)?$" $url)) -}}
{{- fail (printf "%s.url: expected an address such as https://collector.example/v1/traces, without spaces, # and \\; http and https are spoken" .place) -}}
{{- end -}}
{{- end }}

{{/* inspan.telltale: words in the name of what holds a credential. */}}
{{- define "inspan.telltale" -}}
(?i:auth|token|key|secret|passw|cookie|credential|signature|sig$|dsn|honeycomb-team)
{{- end }}

{{/* inspan.checks.header: a header that may hold a credential says where it comes from, and that place is there. */}}
{{- define "inspan.checks.header" -}}
{{- $secrets := .values.secrets | default dict -}}
{{- $text := toString .text -}}
{{- if hasPrefix "file:" $text -}}
{{- include "inspan.checks.file" (dict "values" .values "place" .place "path" (trimPrefix "file:" $text) "strict" true) -}}
{{- else -}}
{{- /* $${ stands for a ${ that is meant. */ -}}
{{- $unescaped := $text | replace "$${" "" -}}
{{- range regexFindAll "[$][{][A-Za-z_][A-Za-z0-9_]*[}]" $unescaped -1 -}}
{{- $name := . | trimPrefix "${" | trimSuffix "}" -}}
{{- if not (hasKey $secrets $name) -}}
{{- fail (printf "%s: %s is not among inspan.secrets; add {%s: {name: SECRET, key: KEY}} there" $.place $name $name) -}}
{{- end -}}
{{- end -}}
{{- $rest := regexReplaceAll "[$][{][A-Za-z_][A-Za-z0-9_]*[}]" $unescaped "" -}}
{{- $may := or (regexMatch (include "inspan.telltale" .) .header) (regexMatch "^(?i:bearer|basic|digest|negotiate) " $text) -}}
{{- /* What may stand beside a reference is a scheme, as in "Bearer ${TOKEN}". */ -}}
{{- if and $may (or (eq $rest $text) (not (regexMatch "^([A-Za-z][A-Za-z-]{0,15} )?$" $rest))) -}}
{{- fail (printf "%s: is written out, and looks like a credential; write \"${NAME}\" and put NAME under inspan.secrets, or file:/run/secrets/inspan/NAME and put NAME under inspan.files" .place) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* inspan.checks.file: a path in our directory is mounted. strict: and every path is in it. */}}
{{- define "inspan.checks.file" -}}
{{- $ours := hasPrefix "/run/secrets/inspan/" .path -}}
{{- $name := trimPrefix "/run/secrets/inspan/" .path -}}
{{- if and .strict (not $ours) -}}
{{- fail (printf "%s: %s is not in the pod; use file:/run/secrets/inspan/NAME, and put NAME under inspan.files" .place .path) -}}
{{- end -}}
{{- if and $ours (not (hasKey (.values.files | default dict) $name)) -}}
{{- fail (printf "%s: %s is not among inspan.files; add {%s: {secret: {name: SECRET, key: KEY}}} there" .place $name $name) -}}
{{- end -}}
{{- end }}
