use figure2_model::{CheckOptions, System, check, profile};
use figure2_timely::Workers;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let which = &args[1];
    let threads: usize = args[2].parse().unwrap();
    for name in &args[3..] {
        let profile = profile(name).unwrap();
        let options = CheckOptions { threads, ..CheckOptions::default() };
        let cpu = || { let s = std::fs::read_to_string("/proc/self/stat").unwrap(); let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect(); (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0 };
        for engine in which.split(',') {
            let before = cpu();
            let report = if engine == "t" {
                figure2_timely::check(&System::default(), &profile, &options, Workers { threads }, &mut |_| ()).unwrap()
            } else {
                check(&profile, &options, &mut |_| ()).unwrap()
            };
            let used = cpu() - before;
            let s = report.elapsed.as_secs_f64();
            println!("{name} {engine} {} distinct {} generated {s:.2} s cpu {used:.2} s {:.2} M/s {:.2} M/cpu-s mem {:?} MB", report.distinct, report.generated, report.distinct as f64 / s / 1e6, report.distinct as f64 / used / 1e6, report.peak_memory.map(|m| m / 1_000_000));
        }
    }
}
