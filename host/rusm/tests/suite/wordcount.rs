//! The example on a whole novel: its totals are those of coreutils, whether counters crash on the way or not.

#[path = "../../../../examples/wordcount/count.rs"]
mod count;

use rusm::Project;
use rusm_setup::Terminal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_novel_is_counted_as_coreutils_count_it() {
    let project = Project::find(&count::folder()).expect("the example is a project");
    project.build(&mut Terminal::new()).expect("it builds");
    let text = count::novel(&project).expect("the novel is there");
    let expected = count::coreutils(&text).expect("coreutils count");
    for crashes in [0, 3] {
        let report = count::count(&project, &text, crashes).await.expect("the services count");
        assert_eq!(report.ranking, expected, "with {crashes} crashes");
        assert_eq!(report.restarts, u64::from(crashes));
        println!("{crashes} crashes: {:?}", report.time);
        let retries = format!("retries: {crashes}");
        assert!(report.summary.contains(&retries), "{}", report.summary);
    }
}
