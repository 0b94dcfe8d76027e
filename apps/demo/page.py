# SPDX-License-Identifier: BSD-3-Clause
"""The page at the end of the demo; every figure on it comes from the clients or from the engine's counters."""


def render(results):
    parts = [throughput(results), latency(results), softnet(results["stats"]), merging(results), steering(results["stats"]),
             drops(results["stats"])]
    rule = "=" * 78
    return "\n".join([rule, " Millrace on a TAP device, the kernel's stack as its client", rule, *parts, rule])


def table(title, head, rows):
    rows = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))) for row in rows]
    return "\n".join(["", title, *lines])


def throughput(results):
    rows = [[version, f"{results['download'][version]:.2f} Gbit/s", f"{results['upload'][version]:.2f} Gbit/s",
             f"{results['wrk'][version][0]:,.0f} /s"] for version in results["download"]]
    return table("Throughput", ["", "curl download", "curl upload", "HTTP requests"], rows)


def latency(results):
    rows = []
    for version, times in results["udp"].items():
        rows.append([f"UDP echo {version}, 32 under way"] + [f"{times[int((len(times) - 1) * p / 100)]:,.0f}us" for p in (50, 75, 90, 99)])
    for version, (_, percentiles) in results["wrk"].items():
        rows.append([f"HTTP {version}, 64 connections"] + [value for _, value in percentiles])
    for version, (low, average, high) in results["ping"].items():
        rows.append([f"ping {version} (min, average, max)", f"{low * 1000:.0f}us", f"{average * 1000:.0f}us", f"{high * 1000:.0f}us", ""])
    return table("Latency", ["", "50%", "75%", "90%", "99%"], rows)


def softnet(stats):
    columns = ["processed", "dropped", "time_squeeze", "received_rps", "passes", "polls", "idle_sleeps", "idle_wakeups"]
    lcores = range(len(stats["softnet"]["processed"]))
    rows = [[f"lcore {i}"] + [f"{stats['softnet'][c][i]:,}" for c in columns] for i in lcores]
    return table("Receive loop by lcore (softnet_stat)", [""] + columns, rows)


def merging(results):
    rows = []
    for version, (before, after) in results["upload_stats"].items():
        packets, out = (sum(after["gro"][name]) - sum(before["gro"][name]) for name in ("packets", "packets_out"))
        rows.append([f"upload {version}", f"{packets:,}", f"{out:,}", f"{packets / max(out, 1):.1f}"])
    total = [sum(results["stats"]["gro"][name]) for name in ("packets", "packets_out")]
    rows.append(["whole run", f"{total[0]:,}", f"{total[1]:,}", f"{total[0] / max(total[1], 1):.1f}"])
    return table("GRO", ["", "packets in", "packets out", "merge ratio"], rows)


def steering(stats):
    names = {"local": "kept on the receiving lcore", "owner": "to the flow's owner", "rps": "by rps_cpus"}
    rows = [[text, f"{sum(stats['steer'][name]):,}"] for name, text in names.items()]
    rows += [[f"delivered on lcore {i}", f"{n:,}"] for i, n in enumerate(stats["softnet"]["processed"])]
    return table("Steering", ["", "packets"], rows)


def drops(stats):
    rows = [[name, f"{sum(values):,}"] for name, values in stats["drop"].items() if sum(values)]
    return table("Drops by reason", ["", "packets"], rows or [["none", "0"]])
