//! What is in force, and where it came from.

use std::sync::Arc;

use staunch_model::{Given, Setting};

use crate::world::{SECRET, World};

fn given(key: &str, value: &str, line: u32) -> Setting {
    Setting { key: key.to_owned(), value: value.to_owned(), line, environment: None }
}

impl World {
    /// The file's words, as a reader of files would have left them.
    fn words(&self, all: &[Setting]) {
        if let Ok(specs) = self.specs.lock().unwrap().as_mut() {
            for spec in specs {
                spec.policy.given = Given(Arc::from(all));
            }
        }
    }
}

#[tokio::test]
async fn what_runs_has_the_words_it_was_admitted_with() {
    let world = World::new().await;
    world.words(&[given("env.DATABASE_PASSWORD", "•••", 3), given("replicas", "2", 7)]);
    let first = world.deploy("shop").await;
    world.until("shop", |service| service.health == "healthy").await;
    // The file goes on; what runs does not.
    world.words(&[given("replicas", "9", 8)]);
    let config = world.unix.config("shop").await.unwrap();
    assert_eq!((config.rollout, config.file.as_str()), (Some(first), "staunch.toml"));
    let of = |key: &str| config.settings.iter().find(|one| one.key == key).unwrap().clone();
    let replicas = of("replicas");
    assert_eq!(
        (replicas.value.as_deref(), replicas.line, replicas.origin.as_str()),
        (Some("2"), Some(7), "file")
    );
    assert_eq!((replicas.default.as_deref(), replicas.changed), (Some("1"), true));
    let variable = of("env.DATABASE_PASSWORD");
    assert_eq!(variable.value.as_deref(), Some("•••"));
    let all = serde_json::to_string(&config).unwrap();
    assert!(!all.contains(SECRET), "{all}");
    let entries = serde_json::to_string(&world.unix.entries(0, 100).await.unwrap()).unwrap();
    assert!(entries.contains("\"replicas\"") && !entries.contains(SECRET), "{entries}");
}

#[tokio::test]
async fn without_recorded_words_it_is_what_control_started_with() {
    let world = World::new().await;
    world.deploy("shop").await;
    world.until("shop", |service| service.health == "healthy").await;
    let config = world.unix.config("shop").await.unwrap();
    assert_eq!((config.rollout, config.since), (None, None));
    assert_eq!(config.settings.len(), 1, "{:?}", config.settings);
    assert_eq!(config.settings[0].origin, "default");
    assert!(world.unix.config("nobody").await.is_err());
}
