# A container in which `make` works. What it installs, and how, make says.
#   docker build -t course-report .                            (for NVIDIA cards: --build-arg TORCH=cuda)
#   docker run --name report course-report report PROFILE=quick
#   docker cp report:/home/student/course-report/reports/quick .

FROM python:3.13-slim AS tools
RUN apt-get update && apt-get install -y --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home student && install -d -o student /home/student/course-report
USER student
WORKDIR /home/student/course-report

FROM tools
COPY --chown=student . .
ARG TORCH=cpu
RUN make setup
ENTRYPOINT ["make"]
CMD ["help"]
