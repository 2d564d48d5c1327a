//! The most memory that this process has held.

/// Bytes of the largest resident set so far; 0 where the system does not tell (proc(5): `VmHWM`).
pub fn peak_rss_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| parse(&status))
}

fn parse(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_figure_is_read() {
        assert_eq!(parse("Name:\tlimosa\nVmHWM:\t    4321 kB\nVmRSS:\t 1 kB\n"), 4321 * 1024);
        assert_eq!(parse("Name:\tlimosa\n"), 0);
        #[cfg(target_os = "linux")]
        assert!(peak_rss_bytes() > 100_000);
    }
}
