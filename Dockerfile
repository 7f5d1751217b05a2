# The service. Build on the CPU build of torch (default) or on one of CUDA:
#   docker build -t longdoc .
#   docker build -t longdoc:gpu --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .
ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/longdoc/bin:$PATH
RUN python -m venv /opt/longdoc
WORKDIR /src
COPY constraints.txt ./
RUN pip install --index-url "$TORCH_INDEX" "$(grep '^torch==' constraints.txt)"
COPY pyproject.toml README.md LICENSE ./
COPY encoders ./encoders
COPY indexers ./indexers
COPY retriever ./retriever
COPY api ./api
COPY eval ./eval
RUN pip install --constraint constraints.txt '.[server]'

FROM python:${PYTHON}-slim-bookworm
# Text recognition in scanned PDFs, when asked for: --build-arg OCR=tesseract-ocr
ARG OCR=""
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 tini $OCR \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home --home-dir /data longdoc \
 && install --directory --owner longdoc /shared
COPY --from=build /opt/longdoc /opt/longdoc
# All that is written lies in /data, and sockets and unpacked uploads in /tmp: the root may be read-only.
ENV PATH=/opt/longdoc/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HF_HOME=/data/models \
    LONGDOC_STORE=/data/store LONGDOC_HOST=0.0.0.0 LONGDOC_PORT=8000
USER longdoc
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['LONGDOC_PORT'] + '/readyz', timeout=4)"]
ENTRYPOINT ["tini", "--", "longdoc"]
CMD ["serve"]
