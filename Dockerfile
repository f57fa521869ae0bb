# The sidecar. `make image` builds it, and docs/image.md says on what.
# BUILDER has pip and the Python of BASE, at the same path; strip, where libraries are to be small.
ARG BASE=python:3.13-slim
ARG BUILDER=${BASE}

FROM ${BUILDER} AS build
WORKDIR /src
# What strips libraries, where it is not there and can be had; without it the image is 28 MB larger. No version: it is as
# the builder's own packages are, and it stays behind.
# hadolint ignore=DL3008
RUN command -v strip \
    || { apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*; } \
    || echo 'no strip in this builder, and no apt to get it' >&2
# Two environments: what makes our wheel stays behind, and so does pip.
RUN python3 -m venv /make && python3 -m venv --without-pip /opt/inspan
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# The pins before the code: an edit of ours does not install theirs again. Wheels alone, so that nothing is compiled and
# the hashes cover all that is installed.
COPY constraints/run.txt constraints/build.txt constraints/
# Where pip needs a configuration or an authority of its own, whoever builds hands them in, and neither stays in a layer.
# At the places that secrets have by themselves: some buildahs remove afterwards what a secret was mounted over.
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.crt \
    export PIP_CONFIG_FILE=/run/secrets/pip.conf \
    && if [ -e /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi \
    && /make/bin/python -m pip install --only-binary :all: --require-hashes -r constraints/build.txt \
    && /make/bin/python -m pip --python /opt/inspan/bin/python install --no-compile \
        --only-binary :all: --require-hashes -r constraints/run.txt
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY client client
COPY collector collector
RUN /make/bin/python -m pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /dist . \
    && /make/bin/python -m pip --python /opt/inspan/bin/python install --no-compile --no-index --no-deps /dist/*.whl
# Nobody can write bytecode under a read-only root, so it is all made here.
RUN python3 collector/image/slim.py /opt/inspan && /opt/inspan/bin/python collector/image/slim.py --try /opt/inspan

# Only on the base can it be seen whether it has the builder's Python. In a stage of its own: engines leave traces where
# they run something.
FROM ${BASE} AS tried
COPY --from=build /opt/inspan /opt/inspan
RUN ["/opt/inspan/bin/inspan", "--version"]

FROM ${BASE}
LABEL org.opencontainers.image.title="inspan" \
      org.opencontainers.image.description="A sidecar span collector" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=tried /opt/inspan /opt/inspan
ENV PATH=/opt/inspan/bin:/usr/local/bin:/usr/bin:/bin
# The socket is of use where a volume is mounted, and nowhere else: without one, say so and end.
ENV INSPAN_SOCKET=/run/inspan/inspan.sock
# By number: only that can be known not to be root. Any other works too, with any group.
USER 65532:65532
ENTRYPOINT ["/opt/inspan/bin/inspan", "run"]
