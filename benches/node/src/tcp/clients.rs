//! Both sides of a client's connection. figure2 and the floor have the same, without TLS.

use super::wire::{next, put};
use crate::measure::Call;
use crate::system::Execute;
use anyhow::{Context as _, Result, anyhow, bail};
use std::net::SocketAddr;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Bytes that a side reads at once: a few frames. A thousand connections take little memory.
const BUFFER: usize = 1 << 10;

fn buffered(stream: TcpStream) -> Result<BufReader<TcpStream>> {
    // One frame is on its way at a time: there is nothing to wait for.
    stream.set_nodelay(true)?;
    Ok(BufReader::with_capacity(BUFFER, stream))
}

/// A client: a connection with one request on its way at a time.
pub struct Client {
    stream: BufReader<TcpStream>,
    number: u64,
    frame: Vec<u8>,
}

impl Client {
    /// Connects to a server.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn connect(server: SocketAddr) -> Result<Client> {
        let stream = TcpStream::connect(server).await.context("a client's connection")?;
        Ok(Client { stream: buffered(stream)?, number: 0, frame: Vec::new() })
    }
}

impl Call for Client {
    async fn call(&mut self, command: Vec<u8>) -> Result<()> {
        self.number += 1;
        self.frame.clear();
        put(&mut self.frame, self.number, &command);
        self.stream.get_mut().write_all(&self.frame).await?;
        let answer = next(&mut self.stream).await?.ok_or_else(|| anyhow!("the server has hung up"))?;
        if answer.number != self.number {
            bail!("an answer to request {}, and {} was asked", answer.number, self.number);
        }
        if !answer.rest.is_empty() {
            bail!("the server says: {}", String::from_utf8_lossy(&answer.rest));
        }
        Ok(())
    }
}

/// Answers whoever connects, until the process ends: a task for each connection.
pub async fn answer(listener: TcpListener, leader: impl Execute) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let leader = leader.clone();
                tokio::spawn(async move {
                    // What is wrong with a connection, its client is told, or has caused.
                    let _ = answer_one(stream, leader).await;
                });
            }
            // No file descriptors are left, for instance: some will be.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

async fn answer_one(stream: TcpStream, leader: impl Execute) -> Result<()> {
    let (mut stream, mut frame) = (buffered(stream)?, Vec::new());
    while let Some(request) = next(&mut stream).await? {
        let problem = leader.execute(request.rest).await.err().map(|problem| format!("{problem:#}"));
        frame.clear();
        put(&mut frame, request.number, problem.unwrap_or_default().as_bytes());
        stream.get_mut().write_all(&frame).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Takes commands whose first byte is not 0.
    #[derive(Clone, Default)]
    struct Picky(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Execute for Picky {
        async fn execute(&self, command: Vec<u8>) -> Result<()> {
            if command.first() == Some(&0) {
                bail!("not this one");
            }
            self.0.lock().unwrap().push(command);
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_client_hears_what_became_of_its_command() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, picky) = (listener.local_addr().unwrap(), Picky::default());
        tokio::spawn(answer(listener, picky.clone()));
        let mut client = Client::connect(address).await.unwrap();
        client.call(vec![1; 128]).await.unwrap();
        let refused = client.call(vec![0; 128]).await.unwrap_err();
        assert_eq!(refused.to_string(), "the server says: not this one");
        // A refusal is no reason to hang up, and another client has a connection of its own.
        client.call(vec![2; 128]).await.unwrap();
        Client::connect(address).await.unwrap().call(vec![3]).await.unwrap();
        assert_eq!(*picky.0.lock().unwrap(), [vec![1; 128], vec![2; 128], vec![3]]);
    }
}
