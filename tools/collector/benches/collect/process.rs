//! The children of the benchmark, and what the system says of them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use noctule_collector::{Collector, Settings};

use crate::load::{Load, Outcome};

/// Tells a child what it is; the rest of its arguments follows.
pub(crate) const ROLE: &str = "NOCTULE_BENCH_COLLECT_ROLE";

/// A process that ends with this value.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Running {
    pub(crate) fn new(child: Child, address: SocketAddr) -> Self {
        Self { child, address }
    }

    /// SIGKILL: nothing is finished, nothing flushed.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn cpu_seconds(&self) -> crate::Result<f64> {
        cpu_seconds(&self.child.id().to_string())
    }

    /// Forgets the most memory so far.
    pub(crate) fn reset_peak(&self) -> crate::Result<()> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    /// The most resident memory since [`Self::reset_peak`], MiB.
    pub(crate) fn peak_mib(&self) -> crate::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(kib.ok_or("no VmHWM")?.parse::<f64>()? / 1024.0)
    }
}

/// Processor seconds of a process and its threads so far.
pub(crate) fn cpu_seconds(process: &str) -> crate::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold anything; behind it, fields 14 and 15 are ticks of 10 ms.
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}

/// This program in another role, with as many open files as the system allows.
fn own(role: &str) -> crate::Result<Command> {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n $(ulimit -H -n); exec \"$0\" \"$1\""]);
    command.arg(std::env::current_exe()?).env(ROLE, role);
    Ok(command)
}

/// Starts a collector on `output` in a child process.
pub(crate) fn collector(output: &Path) -> crate::Result<Running> {
    let mut child = own("serve")?.arg(output).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    Ok(Running::new(child, line.trim().parse()?))
}

/// The child process of [`collector`]: serves until it is killed.
pub(crate) fn serve(output: &str) -> crate::Result<()> {
    let collector = Collector::start(Settings::new(([127, 0, 0, 1], 0).into(), output))?;
    println!("{}", collector.address());
    loop {
        std::thread::park();
    }
}

/// Runs a load in a child process.
pub(crate) fn load(load: &Load) -> crate::Result<Outcome> {
    let child = own("load")?.arg(serde_json::to_string(load)?).stderr(Stdio::inherit()).output()?;
    if !child.status.success() {
        return Err(format!("the load failed: {}", child.status).into());
    }
    Ok(serde_json::from_slice(&child.stdout)?)
}

/// Waits until somebody listens.
pub(crate) fn wait_for(address: SocketAddr) -> crate::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if std::net::TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!("nobody listens on {address}").into())
}
