{{/* The name of a release's objects: the release's name, and the chart's unless that contains it. */}}
{{- define "backdrop.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "backdrop.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "backdrop.labels" -}}
{{ include "backdrop.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The pod of a part up to its containers: labels, rights and placement. Takes (dict "root" $ "part" NAME). */}}
{{- define "backdrop.pod" -}}
{{- $values := index .root.Values .part }}
{{- $selector := merge (dict "app.kubernetes.io/component" .part) (include "backdrop.selector" .root | fromYaml) }}
{{- with $values.name }}{{ $_ := set $selector "backdrop.group" . }}{{ end }}
metadata:
  labels: {{- include "backdrop.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .part }}
    {{- with $values.name }}
    backdrop.group: {{ . }}
    {{- end }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ .part }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext: {{- toYaml .root.Values.podSecurityContext | nindent 4 }}
  {{- range $field := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "runtimeClassName" }}
  {{- with index $values $field }}
  {{- dict $field . | toYaml | nindent 2 }}
  {{- end }}
  {{- end }}
  {{- with $values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{- merge (dict "labelSelector" (dict "matchLabels" $selector)) . | toYaml | nindent 6 }}
    {{- end }}
  {{- end }}
{{- end }}

{{/* Image, rights and settings of a part's container. Takes (dict "root" $ "part" NAME). */}}
{{- define "backdrop.container" -}}
{{- with .root.Values.image }}
image: {{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ required "image.tag or image.digest is required: name the build that is to run" .tag }}{{ end }}
imagePullPolicy: {{ .pullPolicy }}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
args: [{{ .part }}]
{{- end }}

{{/* An environment variable from a Secret. Takes (list NAME SECRET KEY). */}}
{{- define "backdrop.secret" -}}
- name: {{ index . 0 }}
  valueFrom: {secretKeyRef: {name: {{ index . 1 }}, key: {{ index . 2 }}}}
{{- end }}

{{/* A part's environment, with only the secrets that it needs. Takes (dict "root" $ "part" NAME). */}}
{{- define "backdrop.env" -}}
{{- $values := .root.Values }}
{{- $database := merge (dict) (index $values.database.parts .part | default dict) $values.database }}
- {name: HOME, value: /tmp}
- {name: BACKDROP_HOME, value: /tmp/backdrop}
{{- if and $values.catalogue (has .part (list "api" "worker")) }}
- {name: BACKDROP_CATALOGUE, value: /etc/backdrop/catalogue}
{{- end }}
{{ include "backdrop.secret" (list "BACKDROP_DATABASE_URL" $database.existingSecret $database.key) }}
{{- if ne .part "migrate" }}
{{ include "backdrop.secret" (list "BACKDROP_QUEUE_URL" $values.queue.existingSecret $values.queue.key) }}
{{- with $values.s3 }}
- {name: BACKDROP_STORE, value: s3}
- {name: BACKDROP_S3_SOURCE_BUCKET, value: {{ .sourceBucket | quote }}}
- {name: BACKDROP_S3_RENDER_BUCKET, value: {{ .renderBucket | quote }}}
- {name: AWS_DEFAULT_REGION, value: {{ .region | quote }}}
{{- with .endpointUrl }}
- {name: BACKDROP_S3_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with .publicEndpointUrl }}
- {name: BACKDROP_S3_PUBLIC_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- if .existingSecret }}
{{ include "backdrop.secret" (list "AWS_ACCESS_KEY_ID" .existingSecret .accessKeyIdKey) }}
{{ include "backdrop.secret" (list "AWS_SECRET_ACCESS_KEY" .existingSecret .secretAccessKeyKey) }}
{{- end }}
{{- end }}
{{- if $values.encryption.existingSecret }}
{{ include "backdrop.secret" (list "BACKDROP_ENCRYPTION_KEYS" $values.encryption.existingSecret $values.encryption.key) }}
{{- end }}
- {name: BACKDROP_METRICS_PORT, value: {{ $values.metrics.port | quote }}}
- {name: BACKDROP_METRICS_HOST, value: "0.0.0.0"}
{{- end }}
{{- if eq .part "worker" }}
- {name: BACKDROP_DEVICE, value: {{ if $values.worker.gpus }}cuda{{ else }}cpu{{ end }}}
- {name: BACKDROP_WORKER_TAKES, value: {{ join "," $values.worker.takes | quote }}}
- {name: BACKDROP_STOP_GRACE, value: {{ $values.worker.stopGrace | quote }}}
{{- end }}
{{- range $name, $value := $values.settings }}
{{- /* Helm reads a number as a float, and would write 41943040 as 4.194304e+07. */}}
{{- if and (kindIs "float64" $value) (eq $value (floor $value)) }}{{ $value = int64 $value }}{{ end }}
- {name: BACKDROP_{{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range list $values (index $values .part) }}
{{- with .extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
