{{/*
inspan.initContainers.items: the sidecar. An init container that is always restarted is a native sidecar: it starts before
the app and ends after it. No readinessProbe, which would gate the app, and no preStop, which runs when the app still works.
*/}}
{{- define "inspan.initContainers.items" -}}
{{- if .Values.inspan.enabled -}}
{{- include "inspan.checks" . -}}
{{- $values := .Values.inspan -}}
- name: inspan
  image: {{ include "inspan.image" . | quote }}
  {{- with $values.image.pullPolicy }}
  imagePullPolicy: {{ . }}
  {{- end }}
  restartPolicy: Always
  env:
    - name: INSPAN_SOCKET
      value: /run/inspan/inspan.sock
    - name: INSPAN_CONFIG_YAML
      value: |
        {{- include "inspan.config.escaped" . | nindent 8 }}
    {{- range $name, $from := $values.secrets }}
    - name: {{ $name | quote }}
      valueFrom:
        secretKeyRef:
          name: {{ $from.name | quote }}
          key: {{ $from.key | quote }}
    {{- end }}
  ports:
    - name: inspan-admin
      containerPort: {{ include "inspan.port" $values.config.admin.listen }}
    {{- with $values.config.listen }}
    - name: inspan-otlp
      containerPort: {{ include "inspan.port" . }}
    {{- end }}
  {{- /* The app starts when the socket is open, which says nothing of the upstream. A start waits 2 s at most for its disk;
  a minute is for a node that is short of CPU. */}}
  startupProbe:
    httpGet:
      path: /readyz
      port: inspan-admin
    periodSeconds: 1
    timeoutSeconds: 1
    failureThreshold: 60
  {{- /* Generous: a restart costs what is in memory alone, and a busy node is no reason for one. */}}
  livenessProbe:
    httpGet:
      path: /livez
      port: inspan-admin
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 6
  resources:
    {{- toYaml $values.resources | nindent 4 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
    seccompProfile:
      type: RuntimeDefault
  volumeMounts:
    - name: inspan-socket
      mountPath: /run/inspan
    {{- if include "inspan.spooled" . }}
    - name: inspan-spool
      mountPath: /var/lib/inspan
    {{- end }}
    {{- if $values.files }}
    - name: inspan-files
      mountPath: /run/secrets/inspan
      readOnly: true
    {{- end }}
{{- end }}
{{- end }}

{{- define "inspan.image" -}}
{{- with .Values.inspan.image -}}
{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{/* inspan.port: of host:port. */}}
{{- define "inspan.port" -}}
{{ regexFind "[0-9]+$" . }}
{{- end }}
